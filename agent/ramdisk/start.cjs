// Starts the bundled agent from V8's code cache: what was compiled when the ramdisk was built is not compiled again on every machine (half of the
// start). A cache that does not fit this Node is ignored by V8. `start.cjs --make-cache` loads the bundle without starting it and writes the cache.
const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { Script, constants } = require('node:vm')

const at = (name) => join(__dirname, name)
const make = process.argv[2] === '--make-cache'
const cachedData = (() => {
  try {
    return make ? undefined : readFileSync(at('agent.cache'))
  } catch {
    return undefined
  }
})()
const script = new Script(`(function (require, module, exports) {${readFileSync(at('agent.cjs'), 'utf8')}\n})`, {
  filename: 'agent.cjs',
  cachedData,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})
const bundle = { exports: {} }
script.runInThisContext()(require, bundle, bundle.exports)
if (make) writeFileSync(at('agent.cache'), script.createCachedData())
else bundle.exports.start()
