// standby.prepare_image: what write_image does, under the name that older conductors use.
import { defineCommand } from '../command.ts'
import { writeImageArgs, writeImageStep } from '../steps/write-image.ts'

export const prepareImage = defineCommand({
  name: 'standby.prepare_image',
  about: 'Writes a whole-disk image and a config drive to the root disk.',
  kind: 'async',
  params: writeImageArgs,
  run: (context, params) => writeImageStep.run(context, params),
})
