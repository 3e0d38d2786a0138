// @peculiar/x509 asks a container for its parts, which asks for three functions of the withdrawn metadata proposal. Import this first.
type Key = string | symbol

const metadata = new WeakMap<object, Map<Key, unknown>>()

function find(key: Key, target: object | null): unknown {
  if (target === null) return undefined
  const found = metadata.get(target)
  return found?.has(key) ? found.get(key) : find(key, Object.getPrototypeOf(target) as object | null)
}

if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, {
    getMetadata: find,
    getOwnMetadata: (key: Key, target: object) => metadata.get(target)?.get(key),
    defineMetadata(key: Key, value: unknown, target: object) {
      metadata.set(target, (metadata.get(target) ?? new Map<Key, unknown>()).set(key, value))
    },
  })
}
