// The three functions of the metadata proposal that @peculiar/x509's container asks for at load time; import this before it.
type Key = string | symbol
const store = new WeakMap<object, Map<Key, unknown>>()

const own = (key: Key, target: object) => store.get(target)?.get(key)
const inherited = (key: Key, target: object): unknown => {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (store.get(at)?.has(key)) return own(key, at)
  }
  return undefined
}
const define = (key: Key, value: unknown, target: object) => {
  const map = store.get(target) ?? new Map<Key, unknown>()
  store.set(target, map.set(key, value))
}

if (!('getMetadata' in Reflect)) {
  Object.assign(Reflect, { getMetadata: inherited, getOwnMetadata: own, defineMetadata: define })
}
