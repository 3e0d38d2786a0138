// Ironic's vendor methods of Redfish.
import type { Implementation } from '../../driver.ts'
import type { RedfishInfo } from './info.ts'
import { ejectMedia, mediaVendor } from './media.ts'
import { subscriptionMethods, subscriptionVendor } from './subscriptions.ts'

export const redfishVendor: Implementation<RedfishInfo> = {
  vendor: { ...mediaVendor, ...subscriptionVendor },
  steps: { eject_vmedia: ejectMedia },
  methods: subscriptionMethods,
}
