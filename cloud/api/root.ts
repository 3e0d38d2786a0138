// The discovery documents: which versions there are and where resources live. They need no token.
import { json, links, type Call, type Route } from './call.ts'
import { MAX_VERSION, MIN_VERSION } from './microversion.ts'

const versionObject = (base: string) => ({
  id: 'v1',
  links: [{ href: `${base}/v1/`, rel: 'self' }],
  status: 'CURRENT',
  min_version: `1.${MIN_VERSION}`,
  version: `1.${MAX_VERSION}`,
})

/** Resource → the microversion that shows it. Only what is served is listed; the last ones are ours. */
const RESOURCES = {
  chassis: 1,
  nodes: 1,
  ports: 1,
  drivers: 1,
  lookup: 22,
  heartbeat: 22,
  portgroups: 23,
  volume: 32,
  conductors: 49,
  allocations: 52,
  events: 54,
  deploy_templates: 55,
  shards: 82,
  continue_inspection: 84,
  runbooks: 92,
  inspection_rules: 96,
  sites: 1,
  tasks: 1,
} as const

function root(call: Call) {
  const version = versionObject(call.base)
  return json({
    name: 'Ferrule Bare Metal API',
    description: "Provisions bare metal across many datacenters. Wire-compatible with OpenStack Ironic's API.",
    default_version: version,
    versions: [version],
  })
}

function v1(call: Call) {
  const shown = Object.entries(RESOURCES).filter(([, since]) => since <= call.version)
  return json({
    id: 'v1',
    links: [
      { href: `${call.base}/v1/`, rel: 'self' },
      { href: 'https://docs.openstack.org/api-ref/baremetal/', rel: 'describedby', type: 'text/html' },
    ],
    media_types: { base: 'application/json', type: 'application/vnd.openstack.ironic.v1+json' },
    version: versionObject(call.base),
    ...Object.fromEntries(shown.map(([name]) => [name, links(call.base, `${name}/`)])),
  })
}

export const rootRoutes: readonly Route[] = [
  { method: 'GET', path: '/', about: 'Says which versions there are', open: true, head: true, run: root },
  {
    method: 'GET',
    path: '/v1',
    about: 'Says where the resources of this version are',
    open: true,
    head: true,
    run: v1,
  },
]
