// Kickstart templates of operators, as files of this host. They were fetched as kernels are, whose limit is far above what is to be read into memory.
import { open } from 'node:fs/promises'
import { FaultError } from '../../../shared/faults.ts'

const MOST_BYTES = 256 * 1024

/** Throws a FaultError for what is too large to be one. */
export async function readTemplate(path: string): Promise<string> {
  const file = await open(path)
  try {
    if ((await file.stat()).size > MOST_BYTES)
      throw new FaultError('request.invalid', `ks_template has more than ${MOST_BYTES} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
