// Ironic's conditions on a node `n` that an allocation `a` may get, in SQL.

/** Of its class, among its candidates, its owner's, and nobody else's. */
const POSSIBLE =
  `n.provision_state = 'available' AND n.maintenance = 0 AND n.instance_uuid IS NULL AND n.power_state IS NOT NULL` +
  ` AND n.resource_class = a.resource_class AND (a.owner IS NULL OR n.owner = a.owner OR n.lessee = a.owner)` +
  ` AND (a.candidate_nodes = '[]' OR n.uuid IN (SELECT value FROM json_each(a.candidate_nodes)))`

/** And nobody works on it. */
export const FREE = `${POSSIBLE} AND n.task IS NULL`

const HAS_TRAITS = `NOT EXISTS (SELECT 1 FROM json_each(a.traits) wanted WHERE wanted.value NOT IN (SELECT trait FROM node_traits WHERE node = n.uuid))`

/** And it has all the traits. */
export const SUITABLE = `${FREE} AND ${HAS_TRAITS}`

/** It would be suitable when the work on it has ended. */
export const LOCKED = `${POSSIBLE} AND n.task IS NOT NULL AND ${HAS_TRAITS}`

/** In which order nodes are tried: one whose name is the allocation's first (1.79), then at random. Without a name none is the same. */
export const ORDER = 'n.name IS NOT NULL AND n.name IS a.name DESC, random()'
