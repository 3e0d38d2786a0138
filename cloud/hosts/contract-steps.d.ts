import { TestConductor, type Enrolled, type HostUnderTest, type Reply } from './test-conductor.ts'
export interface ContractTest {
  readonly name: string
  readonly run: (host: HostUnderTest) => Promise<void>
}
export declare function expect(actual: unknown, wanted: unknown, what: string): void
export declare function expectStatus(reply: Reply, status: number): Reply
/** A conductor of a site of its own, so that tests do not meet. */
export declare function withConductor(
  host: HostUnderTest,
  test: (site: string, conductor: TestConductor, enrolled: Enrolled) => Promise<void>,
): Promise<void>
export declare function makeNode(host: HostUnderTest, site: string, more?: Record<string, unknown>): Promise<string>
/** Moves the node by `target` and waits until it is in `state`. */
export declare function drive(host: HostUnderTest, node: string, target: string, state: string): Promise<void>
