'use strict';

// The SQLite drivers that are installed here, with one face for the tests. Run by itself, prints
// their names.

const { promisify } = require('node:util');

const FACES = {
  'better-sqlite3': (Database) => ({
    open: (file) => new Database(file),
    query(db, sql, parameters) {
      const statement = db.prepare(sql);
      const values = named(parameters);
      if (statement.reader) return statement.raw().all(...values);
      statement.run(...values);
      return [];
    },
    close: (db) => db.close(),
  }),

  'node:sqlite': ({ DatabaseSync }) => ({
    open: (file) => new DatabaseSync(file, { allowExtension: true }),
    query: (db, sql, parameters) =>
      db.prepare(sql).all(...named(parameters)).map(Object.values),
    close: (db) => db.close(),
  }),

  sqlite3: ({ Database }) => ({
    isAsync: true,
    open: (file) =>
      new Promise((done, fail) => {
        const db = new Database(file, (error) => (error ? fail(error) : done(db)));
      }),
    query: async (db, sql, parameters) =>
      (await promisify(db.all).call(db, sql, parameters)).map(Object.values),
    close: (db) => promisify(db.close).call(db),
  }),
};

// What ?1, ?2, … are bound to, as arguments: an object, for node:sqlite takes ?1 from plain ones
// only in newer Nodes.
function named(parameters) {
  const entries = parameters.map((value, i) => [i + 1, value]);
  return entries.length > 0 ? [Object.fromEntries(entries)] : [];
}

function isThere(name) {
  try {
    require.resolve(name);
  } catch {
    return false;
  }
  // Before Node 22.13, node:sqlite loads no extensions.
  return name !== 'node:sqlite' || 'enableLoadExtension' in require(name).DatabaseSync.prototype;
}

// A driver that is there but does not start, as one built for another Node, is an error.
const drivers = Object.keys(FACES)
  .filter(isThere)
  .map((name) => ({ name, ...FACES[name](require(name)) }));

module.exports = { drivers };

if (require.main === module) for (const { name } of drivers) console.log(name);
