'use strict';

// What packages/conformance asks of every language, with each driver that is installed, and what is
// Node's own. The extension is where path() finds it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const { join, relative } = require('node:path');
const { describe, test } = require('node:test');
const vm = require('node:vm');

const nearlite = require('..');
const cases = require('../../conformance/cases.json');
const { drivers } = require('./drivers.js');

const TEXTS = { inf: Infinity, '-inf': -Infinity, nan: NaN };

const numbers = (vector) => vector.map((component) => TEXTS[component] ?? component);

async function withVariable(value, body) {
  const before = process.env.NEARLITE_EXTENSION;
  const set = (to) => {
    if (to === undefined) delete process.env.NEARLITE_EXTENSION;
    else process.env.NEARLITE_EXTENSION = to;
  };
  set(value);
  try {
    return await body();
  } finally {
    set(before);
  }
}

test('the package has the five functions, for require and for import', async () => {
  const five = ['decode', 'encode', 'load', 'path', 'version'];
  assert.deepEqual(Object.keys(nearlite).sort(), five);
  const module = await import('../index.js');
  for (const name of five) assert.equal(module[name], nearlite[name]);
});

test('a driver that must be there is there', () => {
  const must = process.env.NEARLITE_NODE_DRIVER;
  const names = drivers.map(({ name }) => name);
  if (must) assert.ok(names.includes(must), `no ${must} here, only: ${names.join(', ') || 'none'}`);
});

describe('path', () => {
  const scratch = () => fs.mkdtempSync(join(os.tmpdir(), 'nearlite-'));

  test('is the file that the variable names, made absolute', async () => {
    for (const file of [__filename, relative('', __filename)]) {
      await withVariable(file, () => assert.equal(nearlite.path(), __filename));
    }
  });

  test('is an error when the variable names no file', async () => {
    for (const named of [join(__dirname, 'missing.so'), join(__filename, 'below.so'), __dirname]) {
      await withVariable(named, () =>
        assert.throws(nearlite.path, {
          code: 'ENOENT',
          message: `NEARLITE_EXTENSION names ${named}, which is not a file`,
        }),
      );
    }
  });

  test('is beside the package without the variable, or an error that says both', async (t) => {
    const folder = scratch();
    t.after(() => fs.rmSync(folder, { recursive: true }));
    fs.copyFileSync(join(__dirname, '../index.js'), join(folder, 'index.js'));
    const { path } = require(folder);
    for (const unset of [undefined, '']) {
      await withVariable(unset, () => {
        assert.throws(path, {
          code: 'ENOENT',
          message: `no nearlite.so in ${folder}, and NEARLITE_EXTENSION is not set`,
        });
        fs.writeFileSync(join(folder, 'nearlite.so'), '');
        assert.equal(path(), join(folder, 'nearlite.so'));
        fs.rmSync(join(folder, 'nearlite.so'));
      });
    }
  });
});

describe('encode', () => {
  test('writes float32, little-endian', () => {
    for (const { vector, hex } of cases.encode) {
      const blob = nearlite.encode(vector);
      assert.ok(Buffer.isBuffer(blob));
      assert.equal(blob.toString('hex'), hex);
    }
  });

  test('takes everything that yields numbers', () => {
    const expected = nearlite.encode([1, 2, 0.5]);
    const generator = function* () {
      yield* [1, 2, 0.5];
    };
    for (const vector of [
      new Float32Array([1, 2, 0.5]),
      new Float64Array([1, 2, 0.5]),
      new Float32Array([9, 1, 2, 0.5]).subarray(1),
      new Set([1, 2, 0.5]),
      generator(),
      vm.runInNewContext('[1, 2, 0.5]'),
    ]) {
      assert.deepEqual(nearlite.encode(vector), expected);
    }
    assert.deepEqual(nearlite.encode(new Int8Array([-1])), nearlite.encode([-1]));
  });

  test('refuses what is empty or not finite as a float32', () => {
    for (const { vector } of cases.encode_errors) {
      assert.throws(() => nearlite.encode(numbers(vector)), RangeError);
      assert.throws(() => nearlite.encode(new Float64Array(numbers(vector))), RangeError);
      assert.throws(() => nearlite.encode(new Set(numbers(vector))), RangeError);
    }
    const infinite = 3.4028235677973366e38; // what rounds to more than the largest float32
    assert.throws(() => nearlite.encode([1, -infinite]), /component 1 is -3\.4\S+, not finite/);
    assert.equal(nearlite.encode([infinite * (1 - 1e-15)]).toString('hex'), 'ffff7f7f');
  });

  test('refuses what is no vector', () => {
    for (const vector of ['12', new String('12'), '', null, undefined, 7, {}, new ArrayBuffer(4),
      ['1'], [1, null], [1n], new BigInt64Array(1), [, 1], [[1, 2]], [true], new Map([[1, 2]])]) {
      assert.throws(() => nearlite.encode(vector), TypeError);
    }
    assert.throws(() => nearlite.encode(null), /got null/);
    assert.throws(() => nearlite.encode([0, '1']), /component 1 is of type string/);
  });
});

describe('decode', () => {
  const blobs = (hex) => {
    const buffer = Buffer.from(hex, 'hex');
    const odd = new Uint8Array(buffer.length + 1);
    odd.set(buffer, 1);
    return [buffer, odd.subarray(1), new Uint8Array(buffer).buffer];
  };

  test('reads what encode writes, from any kind of bytes at any offset', () => {
    for (const { vector, hex } of cases.encode) {
      for (const blob of blobs(hex)) {
        assert.deepEqual(nearlite.decode(blob), new Float32Array(vector));
      }
    }
    const foreign = vm.runInNewContext('new Uint8Array([0, 0, 128, 63])');
    assert.deepEqual(nearlite.decode(foreign), new Float32Array([1]));
  });

  test('returns memory of its own', () => {
    const blob = nearlite.encode([1, 2]);
    const vector = nearlite.decode(blob);
    blob.fill(0);
    assert.deepEqual(vector, new Float32Array([1, 2]));
    assert.equal(vector.buffer.byteLength, 8);
  });

  test('refuses a length that is no vector', () => {
    for (const { hex } of cases.decode_errors) {
      for (const blob of blobs(hex)) assert.throws(() => nearlite.decode(blob), RangeError);
    }
  });

  test('refuses what is no blob', () => {
    for (const blob of [null, undefined, '0000', 4, [0, 0, 0, 0], new Float32Array(1), {}]) {
      assert.throws(() => nearlite.decode(blob), TypeError);
    }
  });
});

describe('load', () => {
  test('refuses what is no connection', () => {
    for (const db of [null, undefined, 'app.db', {}, () => {}, { loadExtension() {} }]) {
      assert.throws(() => nearlite.load(db), {
        name: 'TypeError',
        message: 'expected a connection of better-sqlite3, node:sqlite or sqlite3',
      });
    }
  });

  test('says that an old node:sqlite loads no extensions', () => {
    class DatabaseSync {}
    assert.throws(() => nearlite.load(new DatabaseSync()), /from Node 22\.13 on/);
  });

  test('says how to open node:sqlite', { skip: !driver('node:sqlite') && 'not here' }, () => {
    const { DatabaseSync } = require('node:sqlite');
    const db = new DatabaseSync(':memory:');
    assert.throws(() => nearlite.load(db), /new DatabaseSync\(file, \{ allowExtension: true \}\)/);
    db.close();
  });
});

function driver(name) {
  return drivers.find((one) => one.name === name);
}

async function refusesSql(face, db) {
  const query = async () => face.query(db, "SELECT load_extension('x')", []);
  await assert.rejects(query, /not authorized/);
}

function assertRow(actual, expected) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, column) => {
    const got = actual[column];
    if (value?.vector) assert.deepEqual(Array.from(nearlite.decode(got)), value.vector);
    else if (value?.version) assert.equal(got, nearlite.version());
    else if (typeof value !== 'number') assert.equal(got, value);
    else assert.ok(Math.abs(got - value) <= 1e-6, `${got} instead of ${value}`);
  });
}

async function runStep(face, db, { sql, parameters = [], rows, error }) {
  const values = parameters.map((value) => (value?.vector ? nearlite.encode(value.vector) : value));
  const query = async () => face.query(db, sql, values);
  if (error !== undefined) {
    await assert.rejects(query, (thrown) => thrown.message.includes(error));
    return;
  }
  const got = await query();
  if (!rows) return;
  assert.equal(got.length, rows.length, sql);
  rows.forEach((row, i) => assertRow(got[i], row));
}

for (const face of drivers) {
  describe(`with ${face.name}`, () => {
    const withDb = (body) => async () => {
      const db = await face.open(':memory:');
      try {
        await body(db);
      } finally {
        await face.close(db);
      }
    };

    for (const { name, steps } of cases.sql) {
      test(name, withDb(async (db) => {
        await nearlite.load(db);
        for (const step of steps) await runStep(face, db, step);
      }));
    }

    test('load leaves load_extension() off, and may be called again', withDb(async (db) => {
      for (let i = 0; i < 2; i++) {
        const returned = nearlite.load(db);
        assert.equal(returned instanceof Promise, face.isAsync ?? false);
        assert.equal(await returned, undefined);
        await refusesSql(face, db);
      }
    }));

    test('a file that is no extension is an error, and no more', withDb(async (db) => {
      // The driver's own error, which names the file.
      await withVariable(__filename, () =>
        assert.rejects(async () => nearlite.load(db), /conformance\.test\.js/),
      );
      await refusesSql(face, db);
      if (face.name === 'node:sqlite') {
        assert.throws(() => db.loadExtension(nearlite.path()), /not allowed/);
      }
      await nearlite.load(db);
    }));

    test('a missing file is an error, where the driver has its errors', withDb(async (db) => {
      await withVariable('missing.so', async () => {
        if (!face.isAsync) assert.throws(() => nearlite.load(db), { code: 'ENOENT' });
        else await assert.rejects(nearlite.load(db), { code: 'ENOENT' });
      });
    }));

    test('a closed connection is an error', async () => {
      const db = await face.open(':memory:');
      await face.close(db);
      await assert.rejects(async () => nearlite.load(db), /not open|closed/);
    });
  });
}
