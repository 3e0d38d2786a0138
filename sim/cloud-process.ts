// The cloud as a process: data folder and port are its arguments. Says {url, token?} on its first line and logs to the other stream.
import { startCloud } from '../cloud/hosts/node/start.ts'

const [dataDir = '', port = '0'] = process.argv.slice(2)
const cloud = await startCloud({
  dataDir,
  port: Number(port),
  log: (level, event, fields) => process.stderr.write(`${JSON.stringify({ level, event, ...fields })}\n`),
})
process.stdout.write(`${JSON.stringify({ url: cloud.url, token: cloud.token })}\n`)
process.once('SIGTERM', () => void cloud.close())
