// `npm run format`: formats all code in place.
import { spawnSync } from 'node:child_process'

process.exit(spawnSync('oxfmt', { stdio: 'inherit' }).status ?? 1)
