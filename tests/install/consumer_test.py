"""Projects outside the tree use an installed copy: find_package, pkg-config, loading."""

import ctypes
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = os.environ["NEARLITE_BUILD_DIR"]
SOURCE = Path(os.environ["NEARLITE_SOURCE_DIR"])
VERSION = (SOURCE / "VERSION").read_text().strip()

# A program with its own SQLite connections, which registers Nearlite on each.
OWN_CONNECTION = """
#include <nearlite/nearlite.h>
#include <sqlite3.h>
#include <cstdio>

extern "C" int sqlite3_nearlite_init(sqlite3*, char**, const void*);

int main() {
  sqlite3* db = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) return 1;
  if (sqlite3_nearlite_init(db, nullptr, nullptr) != SQLITE_OK) return 2;
  const char* sql = "SELECT nearlite_version()";
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) return 3;
  if (sqlite3_step(statement) != SQLITE_ROW) return 4;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  std::printf("%s\\n", nearlite::version() == text ? text : "two versions");
  sqlite3_finalize(statement);
  return sqlite3_close(db);
}
"""

C_PROGRAM = """
#include <nearlite/nearlite_c.h>
#include <stdio.h>

int main(void) {
  nearlite_options options;
  nearlite_store* store;
  nearlite_hit hit;
  size_t found;
  const int64_t ids[] = {7, 8};
  const float vectors[] = {0, 0, 3, 4}, query[] = {3, 3};
  nearlite_options_init(&options);
  options.dim = 2;
  options.metric = NEARLITE_L2;
  if (nearlite_store_open("c.db", &options, &store) != NEARLITE_OK) return 1;
  if (nearlite_store_upsert(store, ids, vectors, 2) != NEARLITE_OK) return 2;
  if (nearlite_store_search(store, query, 1, NULL, &hit, &found) != NEARLITE_OK) return 3;
  printf("%d %.1f %s\\n", (int)hit.id, hit.distance, nearlite_version());
  nearlite_store_free(store);
  return 0;
}
"""

# Without SQL, by several threads.
STORE_PROGRAM = """
#include <nearlite/vector_store.h>
#include <cstdio>
#include <thread>

int main() {
  nearlite::StoreOptions options;
  options.index = nearlite::IndexOptions::fast(2);
  nearlite::VectorStore store = nearlite::VectorStore::open("store.db", options).value();
  const float vector[] = {1, 2};
  std::jthread writer([&] { if (!store.upsert(5, vector).ok()) std::puts("failed"); });
  writer.join();
  const auto hits = store.search(vector, 1, {}).value();
  std::printf("%lld\\n", static_cast<long long>(hits[0].id));
}
"""


def example():
    """The whole program that the head of nearlite.h shows."""
    header = (SOURCE / "include/nearlite/nearlite.h").read_text()
    code = re.search("```cpp\n(.*?)/// ```", header, re.DOTALL).group(1)
    return re.sub("^/// ?", "", code, flags=re.MULTILINE)


CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(nearlite REQUIRED)
add_executable(consumer main.cc)
target_link_libraries(consumer PRIVATE nearlite::nearlite)
add_executable(store store.cc)
target_link_libraries(store PRIVATE nearlite::nearlite)
add_executable(in_c main.c)
target_link_libraries(in_c PRIVATE nearlite::nearlite_c)
"""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


class ConsumerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Installed to one place and moved: nothing may remember the first.
        run("cmake", "--install", BUILD, "--prefix", str(cls.folder / "first"))
        cls.prefix = cls.folder / "moved"
        (cls.folder / "first").rename(cls.prefix)
        cls.library = next(cls.prefix.glob("lib*/**/nearlite.so")).parent
        (cls.folder / "main.cc").write_text(example())
        (cls.folder / "own.cc").write_text(OWN_CONNECTION)
        (cls.folder / "store.cc").write_text(STORE_PROGRAM)
        (cls.folder / "main.c").write_text(C_PROGRAM)
        (cls.folder / "CMakeLists.txt").write_text(CMAKE)

    def test_both_extensions_are_there(self):
        loaded = sqlite3.connect(":memory:")
        loaded.enable_load_extension(True)
        for name, function in (("nearlite", "nearlite_version()"), ("vec0", "vec_version()")):
            loaded.load_extension(str(self.library / name))
            self.assertIn(VERSION, loaded.execute(f"SELECT {function}").fetchone()[0])

    def test_find_package(self):
        build = self.folder / "build"
        run("cmake", "-S", str(self.folder), "-B", str(build), "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={self.prefix}")  # fmt: skip
        run("cmake", "--build", str(build))
        found = run(str(build / "consumer"), cwd=self.folder)
        self.assertEqual(found.splitlines(), ["2 2.82", "1 9.20"])
        self.assertEqual(run(str(build / "store"), cwd=self.folder), "5")
        self.assertEqual(run(str(build / "in_c"), cwd=self.folder), f"8 1.0 {VERSION}")

    def test_pkg_config(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.library / "pkgconfig"))
        self.assertEqual(run("pkg-config", "--modversion", "nearlite", env=environment), VERSION)
        flags = run("pkg-config", "--cflags", "--libs", "nearlite", env=environment).split()
        program = str(self.folder / "by_pkg_config")
        run("g++", "-std=c++20", str(self.folder / "own.cc"), "-o", program, *flags)
        self.assertEqual(run(program), VERSION)

    def test_pkg_config_for_c(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.library / "pkgconfig"))
        self.assertEqual(run("pkg-config", "--modversion", "nearlite_c", env=environment), VERSION)
        flags = run("pkg-config", "--cflags", "--libs", "nearlite_c", env=environment).split()
        program = str(self.folder / "c_by_pkg_config")
        run("gcc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror",
            str(self.folder / "main.c"), "-o", program, *flags)  # fmt: skip
        environment["LD_LIBRARY_PATH"] = str(self.library)
        found = run(program, cwd=self.folder, env=environment)
        self.assertEqual(found, f"8 1.0 {VERSION}")

    def test_ctypes(self):
        library = ctypes.CDLL(str(self.library / "libnearlite.so"))
        library.nearlite_version.restype = ctypes.c_char_p
        self.assertEqual(library.nearlite_version().decode(), VERSION)

    def test_load_extension(self):
        connection = sqlite3.connect(":memory:")
        connection.enable_load_extension(True)
        connection.load_extension(str(self.library / "nearlite"))
        self.assertEqual(connection.execute("SELECT nearlite_version()").fetchone(), (VERSION,))
        connection.close()

    def test_manual_and_completions(self):
        page = (self.prefix / "share/man/man1/nearlite.1").read_text()
        self.assertIn("nearlite import", page.replace("\\-", "-"))
        for name in ("bash-completion/completions/nearlite", "zsh/site-functions/_nearlite",
                     "fish/vendor_completions.d/nearlite.fish"):  # fmt: skip
            self.assertIn("import", (self.prefix / "share" / name).read_text())

    def test_command(self):
        self.assertIn(VERSION, run(str(self.prefix / "bin/nearlite"), "--version"))


if __name__ == "__main__":
    sys.exit(unittest.main())
