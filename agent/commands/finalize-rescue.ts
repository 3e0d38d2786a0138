// rescue.finalize_rescue: the machine is a person's from now on. The user `rescue` can log in, over SSH and on the console, and nobody commands this
// agent any more.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { writeUsers } from '../users.ts'

/** As crypt(3) writes them; nothing that would end a field or a line of /etc/shadow. */
const hash = z
  .string()
  .max(255)
  .regex(/^\$(?:5|6|y|2[aby])\$[./A-Za-z0-9$=,]+$/, 'not a hash of crypt(3)')

export const finalizeRescue = defineCommand({
  name: 'rescue.finalize_rescue',
  about: 'Lets the user rescue log in with a password, given as its hash, and ends the agent.',
  kind: 'sync',
  params: z.object({ rescue_password: hash, hashed: z.literal(true) }),
  async run({ machine, afterwards }, { rescue_password: password }) {
    await writeUsers(machine.root, password)
    afterwards(() => machine.leave())
    return undefined
  },
})
