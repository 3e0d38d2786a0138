// Every endpoint, in the order in which paths are tried: a fixed word goes before a parameter.
import { agentRoutes } from './agent.ts'
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
import { readRoutes } from './nodes/read.ts'
import { vendorRoutes } from './nodes/vendor.ts'
import { writeRoutes } from './nodes/write.ts'
import { portRoutes } from './ports/ports.ts'
import { openapiRoute } from '../openapi/route.ts'
import { rootRoutes } from './root.ts'
import { enrolTokenRoutes } from './sites/enrol-tokens.ts'
import { ringRoutes } from './sites/ring.ts'
import { siteRoutes } from './sites/sites.ts'
import { taskRoutes } from './tasks.ts'

export const ROUTES: readonly Route[] = [
  ...rootRoutes,
  openapiRoute(() => ROUTES),
  validateRoute,
  ...readRoutes,
  ...writeRoutes,
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
