// Simulated BMCs in a process of their own: `node serve.ts COUNT` prints their ports as one JSON line and serves until stdin closes.
import { startBmc } from './start.ts'

const count = Number(process.argv[2] ?? 1)
const bmcs = await Promise.all(Array.from({ length: count }, () => startBmc({ logReads: false, sessionLimit: 16 })))
process.stdout.write(`${JSON.stringify(bmcs.map(({ port }) => port))}\n`)
process.stdin.on('end', () => void Promise.all(bmcs.map((bmc) => bmc.close())))
process.stdin.resume()
