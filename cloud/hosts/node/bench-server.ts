// The server of a benchmark, a process of its own so that its CPU can be counted: `node bench-server.ts DIR` prints {url, token} and ends
// with its standard input.
import { startCloud } from './start.ts'

const cloud = await startCloud({ dataDir: process.argv[2]!, port: 0 })
console.log(JSON.stringify({ url: cloud.url, token: cloud.token }))
process.stdin.on('end', () => void cloud.close().then(() => process.exit(0)))
process.stdin.resume()
