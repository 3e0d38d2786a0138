// The demo on simulated hardware.
export async function deployOnSim(_options: { print: (line: string) => void }): Promise<void> {
  throw new Error('no simulated hardware yet')
}
