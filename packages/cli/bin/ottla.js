#!/usr/bin/env node
// Plain JavaScript for any Node: the one thing it must do on an old one is say so.
var version = process.versions.node.split('.').map(Number)

if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  process.stderr.write(`ottla needs Node 22.18 or newer; this is ${process.versions.node} at ${process.execPath}
`)
  process.exitCode = 1
} else {
  start()
}

async function start() {
  var nodeModule = await import('node:module')
  var fs = await import('node:fs')
  // What was compiled once is loaded from a cache in the temporary folder: half of the start-up time.
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache()
  // A checkout runs its sources, a package its compiled form; Node strips no types under node_modules.
  var source = new URL('../src/main.ts', import.meta.url)
  var isCheckout = !/\/node_modules\//.test(source.pathname) && fs.existsSync(source)
  var main = await import(isCheckout ? source.href : new URL('../dist/main.js', import.meta.url).href)
  await main.main(process.argv.slice(2))
}
