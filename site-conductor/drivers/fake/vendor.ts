// Vendor methods of fake hardware: Ironic's own examples, with the one value of `bar` that each takes.
import type { Implementation, VendorMethod } from '../../driver.ts'
import { type Args, type Info, method, refuse, step } from './machine.ts'

function takes(bar: string) {
  return (args: Args): void => {
    if (args['bar'] === undefined) refuse('the parameter bar is missing')
    if (args['bar'] !== bar) refuse(`wrong parameter bar: ${String(args['bar'])}`)
  }
}

const post = (description: string, async: boolean, bar: string): VendorMethod => ({
  description,
  http: ['POST'],
  async,
  validate: takes(bar),
})

export const vendor: Implementation<Info> = {
  vendor: {
    second_method: post('Takes bar=kazoo, later', true, 'kazoo'),
    third_method_sync: post('Takes bar=meow and answers true', false, 'meow'),
    fourth_method_shared_lock: post('Takes bar=woof, later', true, 'woof'),
    log_passthrough: { description: 'Says that it was called, later', http: ['POST'], async: true },
  },
  offers: {
    log_passthrough: { clean: 0, service: 0, ramdisk: false },
    // With the ramdisk: while it lasts the node is in service wait.
    trigger_servicewait: { service: 0 },
  },
  steps: {
    second_method: step('vendor.second_method', (machine) => void machine.log.push('vendor second_method')),
    fourth_method_shared_lock: step(
      'vendor.fourth_method_shared_lock',
      (machine) => void machine.log.push('vendor fourth_method_shared_lock'),
    ),
    log_passthrough: step('vendor.log_passthrough', (machine) => void machine.log.push('vendor log_passthrough')),
    trigger_servicewait: step(
      'vendor.trigger_servicewait',
      (machine) => void machine.log.push('vendor trigger_servicewait'),
    ),
  },
  methods: {
    third_method_sync: method((machine) => {
      machine.log.push('vendor third_method_sync')
      return true
    }),
  },
}
