# Registers the tests. Nothing is listed by hand: a *_test.{cc,py,sh} below tests/ is a test.
#
#   tests/unit/<layer>/*_test.cc   one executable per layer, unit_<layer>, which links only what
#                                  <layer> may use, so a test cannot hide an upward dependency
#   tests/<folder>/<name>_test.cc  an executable of its own, <folder>_<name>
#   tests/<folder>/<name>_test.py  run by Debian's Python, which can load SQLite extensions
#   tests/<folder>/<name>_test.sh  run by bash
#   tests/{fault,power}/*_test.cc  see the side file's system calls through a seam of the linker's
#   tests/support/*.cc             linked with every executable but the unit tests
#
# Label `fast`: every GoogleTest case is a test of its own. Label `slow` (folders that run for
# minutes): one test per executable. Exit code 77 means "skipped: the machine lacks what it needs".

include(GoogleTest)
find_package(GTest REQUIRED)
set(slow_folders model recall crash stress packages)
set(slow_timeout_s 900)
set(fast_timeout_s 240)
set(NEARLITE_PYTHON /usr/bin/python3 CACHE FILEPATH "A Python whose sqlite3 can load extensions")
set(NEARLITE_CURRENT_PYTHON ${PROJECT_SOURCE_DIR}/build/venv/bin/python3 CACHE FILEPATH
  "A Python with apsw, that is: with a current SQLite (made by scripts/install-deps --tests)")

# What a test may need to know, as environment variables. ctest runs the included file when it reads
# the list of tests, so they reach GoogleTest cases too (whose properties cannot hold a list).
file(CONFIGURE OUTPUT test_environment.cmake @ONLY CONTENT [[
set(ENV{NEARLITE_EXTENSION} "@PROJECT_BINARY_DIR@/nearlite.so")
set(ENV{NEARLITE_VEC0} "@PROJECT_BINARY_DIR@/vec0.so")
set(ENV{NEARLITE_CLI} "@PROJECT_BINARY_DIR@/nearlite")
set(ENV{NEARLITE_SOURCE_DIR} "@PROJECT_SOURCE_DIR@")
set(ENV{NEARLITE_BUILD_DIR} "@PROJECT_BINARY_DIR@")
set(ENV{NEARLITE_CURRENT_PYTHON} "@NEARLITE_CURRENT_PYTHON@")
set(ENV{PYTHONDONTWRITEBYTECODE} 1)
]])
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY TEST_INCLUDE_FILES
  ${PROJECT_BINARY_DIR}/test_environment.cmake)

# A Python that loads a sanitized extension needs the sanitizer's library before all others, and the
# C++ library beside it (the sanitizer looks for __cxa_throw when it starts).
set(python_environment "")
if(NEARLITE_SANITIZE MATCHES "address|thread")
  set(libraries libasan.so libstdc++.so)
  if(NEARLITE_SANITIZE MATCHES "thread")
    set(libraries libtsan.so libstdc++.so)
  endif()
  foreach(library ${libraries})
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${library}
      OUTPUT_VARIABLE library_path OUTPUT_STRIP_TRAILING_WHITESPACE)
    list(APPEND preload ${library_path})
  endforeach()
  list(JOIN preload ":" preload)
  set(python_environment LD_PRELOAD=${preload} ASAN_OPTIONS=detect_leaks=0)
endif()

# Tests are compiled with less optimisation than what they test, to be built sooner.
add_library(nearlite_test_flags INTERFACE)
target_include_directories(nearlite_test_flags INTERFACE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(nearlite_test_flags INTERFACE nearlite_flags GTest::gtest_main)
target_compile_options(nearlite_test_flags INTERFACE $<$<CONFIG:Release>:-O1>)

function(nearlite_label_of folder label timeout)
  if(folder IN_LIST slow_folders)
    set(${label} slow PARENT_SCOPE)
    set(${timeout} ${slow_timeout_s} PARENT_SCOPE)
  else()
    set(${label} fast PARENT_SCOPE)
    set(${timeout} ${fast_timeout_s} PARENT_SCOPE)
  endif()
endfunction()

function(nearlite_gtest_executable target prefix)
  gtest_discover_tests(${target} TEST_PREFIX ${prefix} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS fast TIMEOUT ${fast_timeout_s})
endfunction()

foreach(layer base vector graph storage index dialect sqlite api formats embed)
  file(GLOB sources CONFIGURE_DEPENDS tests/unit/${layer}/*_test.cc)
  if(NOT sources)
    continue()
  endif()
  if(layer MATCHES "sqlite|api")
    if(NOT TARGET nearlite_static)
      continue()
    endif()
    add_executable(unit_${layer} ${sources})
    target_link_libraries(unit_${layer} PRIVATE nearlite_static)
  elseif(layer MATCHES "formats|embed")
    if(NOT TARGET nearlite_${layer})
      continue()
    endif()
    add_executable(unit_${layer} ${sources})
    target_link_libraries(unit_${layer} PRIVATE nearlite_${layer})
  else()
    add_executable(unit_${layer} ${sources} ${ladder_${layer}})
  endif()
  target_link_libraries(unit_${layer} PRIVATE nearlite_test_flags)
  # Four files at a time, which parse GoogleTest once. So what they keep to themselves needs names
  # that are unique in the folder.
  if(layer MATCHES "base|vector|graph|storage|index")
    set_target_properties(unit_${layer} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
  endif()
  nearlite_gtest_executable(unit_${layer} unit/${layer}/)
endforeach()

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.cc)
if(support_sources AND TARGET nearlite_static)
  add_library(nearlite_test_support STATIC ${support_sources})
  target_include_directories(nearlite_test_support PUBLIC tests)
  target_link_libraries(nearlite_test_support PUBLIC nearlite_flags nearlite_static GTest::gtest)
  if(TARGET nearlite_cli)  # for the fuzz targets
    target_link_libraries(nearlite_test_support PUBLIC nearlite_formats nearlite_embed)
  endif()
endif()

# The system calls of the side file go to tests/support/side_file_seam.cc.
set(seam_folders fault power)
set(seam_calls open close pread preadv2 write lseek ftruncate fsync rename unlink)
list(TRANSFORM seam_calls PREPEND -Wl,--wrap=)

# Fuzz targets, for the replay test and, with clang, for libFuzzer.
file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*targets.cc)
if(NEARLITE_FUZZ AND TARGET nearlite_test_support)
  add_executable(nearlite_fuzz tests/fuzz/fuzzer_main.cc ${fuzz_sources})
  target_link_libraries(nearlite_fuzz PRIVATE nearlite_test_support)
  target_link_options(nearlite_fuzz PRIVATE -fsanitize=fuzzer)
endif()

file(GLOB test_files CONFIGURE_DEPENDS
  tests/*/*_test.cc tests/*/*_test.py tests/*/*_test.sh)
foreach(file ${test_files})
  cmake_path(GET file STEM LAST_ONLY stem)
  cmake_path(GET file EXTENSION LAST_ONLY kind)
  cmake_path(GET file PARENT_PATH folder)
  cmake_path(GET folder FILENAME folder)
  string(REGEX REPLACE "_test$" "" stem ${stem})
  nearlite_label_of(${folder} label timeout)
  if(kind STREQUAL ".cc")
    if(NOT TARGET nearlite_static)
      continue()
    endif()
    set(target ${folder}_${stem})
    add_executable(${target} ${file})
    if(folder STREQUAL "fuzz")
      target_sources(${target} PRIVATE ${fuzz_sources})
    endif()
    target_link_libraries(${target} PRIVATE nearlite_test_flags nearlite_static)
    if(TARGET nearlite_test_support)
      target_link_libraries(${target} PRIVATE nearlite_test_support)
    endif()
    if(folder IN_LIST seam_folders)
      target_link_options(${target} PRIVATE ${seam_calls})
    endif()
    if(TARGET nearlite_module)
      add_dependencies(${target} nearlite_module nearlite_vec0)
    endif()
    if(label STREQUAL "fast")
      nearlite_gtest_executable(${target} ${folder}/)
      continue()
    endif()
    add_test(NAME ${folder}/${stem} COMMAND ${target})
  elseif(kind STREQUAL ".py")
    add_test(NAME ${folder}/${stem} COMMAND ${NEARLITE_PYTHON} ${file})
    set_tests_properties(${folder}/${stem} PROPERTIES ENVIRONMENT "${python_environment}")
  else()
    add_test(NAME ${folder}/${stem} COMMAND bash ${file})
  endif()
  set_tests_properties(${folder}/${stem} PROPERTIES LABELS ${label} TIMEOUT ${timeout}
    SKIP_RETURN_CODE 77)
  if(label STREQUAL "slow")
    set_tests_properties(${folder}/${stem} PROPERTIES COST 1000)  # started first
  endif()
endforeach()
