// Every endpoint, in the order in which paths are tried: a fixed word goes before a parameter.
import { agentRoutes } from './agent.ts'
import { auditRoutes } from './audit.ts'
import type { Route } from './call.ts'
import { connectRoutes } from './conductor/connect.ts'
import { enrolRoutes } from './conductor/enrol.ts'
import { conductorRoutes } from './conductors.ts'
import { conductorChangeRoutes } from './conductors-change.ts'
import { logRoutes } from './nodes/log.ts'
import { operateRoutes, validateRoute } from './nodes/operate.ts'
import { provisionRoutes } from './nodes/provision.ts'
import { nodeRoutes } from './nodes/nodes.ts'
import { inspectionRuleRoutes } from './inspection-rules.ts'
import { portgroupRoutes } from './ports/portgroups.ts'
import { portRoutes } from './ports/ports.ts'
import { rootRoutes } from './root.ts'
import { enrolTokenRoutes } from './sites/enrol-tokens.ts'
import { stepListRoutes } from './step-lists.ts'
import { volumeRoutes } from './volumes.ts'
import { chassisRoutes } from './chassis.ts'
import { ringRoutes } from './sites/ring.ts'
import { siteRoutes } from './sites/sites.ts'

export const ROUTES: readonly Route[] = [
  ...rootRoutes,
  validateRoute,
  ...nodeRoutes,
  ...provisionRoutes,
  ...operateRoutes,
  ...logRoutes,
  ...portRoutes,
  ...portgroupRoutes,
  ...volumeRoutes,
  ...chassisRoutes,
  ...stepListRoutes,
  ...inspectionRuleRoutes,
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
