// openstacksdk at the orders of a test.
import { join } from 'node:path'
import { type Raised, type Returned, startObedient } from '../obedient.ts'

/** A method's own name, its positional arguments ({$node: name} is the node as the SDK gets it) and those by name. */
type Order = [method: string, args?: readonly unknown[], kwargs?: Readonly<Record<string, unknown>>]
type Layer = 'baremetal' | 'cloud' | 'configdrive'

export interface Sdk {
  /** Of connection.baremetal. Throws when the SDK raises. */
  baremetal(...order: Order): Promise<Returned>
  /** The same of the connection itself. */
  cloud(...order: Order): Promise<Returned>
  /** The same of the module openstack.baremetal.configdrive. */
  configdrive(...order: Order): Promise<Returned>
  /** What a method raises. Throws when it returns. */
  raises(layer: Layer, ...order: Order): Promise<Raised>
}

export interface Sdks {
  through(connection: string): Sdk
  /** Methods of connection.baremetal, and of bare metal on connections, that were never called. */
  leftOut(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** `connections`: keyword arguments of openstack.connect by a name for the connection, which is made when it is first used. */
export function startSdk(connections: Readonly<Record<string, object>>): Sdks {
  const sdk = startObedient(join(import.meta.dirname, 'drive-sdk.py'), connections)
  function through(connection: string): Sdk {
    const layer =
      (of: Layer) =>
      (...[method, args = [], kwargs = {}]: Order) =>
        sdk.order(connection, of, method, args, kwargs)
    return {
      baremetal: layer('baremetal'),
      cloud: layer('cloud'),
      configdrive: layer('configdrive'),
      raises: (of, method, args = [], kwargs = {}) => sdk.raises(connection, of, method, args, kwargs),
    }
  }
  return {
    through,
    leftOut: () => sdk.order('', 'left out', '', [], {}) as Promise<string[]>,
    [Symbol.asyncDispose]: () => sdk[Symbol.asyncDispose](),
  }
}
