'use strict'
// Loads the ES module through Node's own `require`, also from inside a test runner that brings its own module system.
const { createRequire } = process.getBuiltinModule('node:module')
module.exports = createRequire(__filename)('./dist/index.js')
