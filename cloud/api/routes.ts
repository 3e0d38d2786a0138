// Every endpoint, in the order in which paths are tried: a fixed word goes before a parameter.
import { agentRoutes } from './agent.ts'
import { ALLOCATIONS, allocationRoutes } from './allocations.ts'
import { auditRoutes } from './audit.ts'
import type { Route } from './call.ts'
import { connectRoutes } from './conductor/connect.ts'
import { eventRoutes } from './events.ts'
import { enrolRoutes } from './conductor/enrol.ts'
import { conductorRoutes } from './conductors.ts'
import { conductorChangeRoutes } from './conductors-change.ts'
import { driverVendorRoutes } from './drivers-vendor.ts'
import { logRoutes } from './nodes/log.ts'
import { machineRoutes } from './nodes/machine.ts'
import { operateRoutes, validateRoute } from './nodes/operate.ts'
import { partRoutes } from './nodes/parts.ts'
import { provisionRoutes } from './nodes/provision.ts'
import { networkEventRoutes } from './network-events.ts'
import { attachedRoutes } from './nodes/attached.ts'
import { NODES, nodeRoutes } from './nodes/nodes.ts'
import { INSPECTION_RULES, inspectionRuleRoutes } from './inspection-rules.ts'
import { PORTGROUPS, portgroupRoutes } from './ports/portgroups.ts'
import { PORTS, portRoutes } from './ports/ports.ts'
import type { Resource } from './resource.ts'
import { vendorRoutes } from './nodes/vendor.ts'
import { openapiRoute } from '../openapi/route.ts'
import { rootRoutes } from './root.ts'
import { enrolTokenRoutes } from './sites/enrol-tokens.ts'
import { shardRoutes } from './shards.ts'
import { DEPLOY_TEMPLATES, RUNBOOKS, stepListRoutes } from './step-lists.ts'
import { CONNECTORS, TARGETS, volumeRoutes } from './volumes.ts'
import { CHASSIS, chassisRoutes } from './chassis.ts'
import { ringRoutes } from './sites/ring.ts'
import { siteRoutes } from './sites/sites.ts'
import { taskRoutes } from './tasks.ts'

/** What is one table each (resource.ts). */
export const RESOURCES: readonly Resource[] = [
  NODES,
  PORTS,
  PORTGROUPS,
  CONNECTORS,
  TARGETS,
  CHASSIS,
  ALLOCATIONS,
  DEPLOY_TEMPLATES,
  RUNBOOKS,
  INSPECTION_RULES,
]

export const ROUTES: readonly Route[] = [
  ...rootRoutes,
  openapiRoute(() => ROUTES),
  validateRoute,
  ...nodeRoutes,
  ...attachedRoutes,
  ...provisionRoutes,
  ...operateRoutes,
  ...machineRoutes,
  ...partRoutes,
  ...vendorRoutes,
  ...driverVendorRoutes,
  ...logRoutes,
  ...eventRoutes,
  ...taskRoutes,
  ...portRoutes,
  ...portgroupRoutes,
  ...volumeRoutes,
  ...chassisRoutes,
  ...stepListRoutes,
  ...inspectionRuleRoutes,
  ...allocationRoutes,
  ...shardRoutes,
  ...networkEventRoutes,
  ...conductorRoutes,
  ...conductorChangeRoutes,
  ...siteRoutes,
  ...ringRoutes,
  ...enrolTokenRoutes,
  ...enrolRoutes,
  ...connectRoutes,
  ...auditRoutes,
  ...agentRoutes,
]
