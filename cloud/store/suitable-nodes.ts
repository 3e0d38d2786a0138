// Ironic's conditions on a node `n` that an allocation `a` may get, in SQL.

/** Free, of its class, among its candidates, and its owner's. */
export const FREE =
  `n.provision_state = 'available' AND n.maintenance = 0 AND n.instance_uuid IS NULL AND n.power_state IS NOT NULL AND n.task IS NULL` +
  ` AND n.resource_class = a.resource_class AND (a.owner IS NULL OR n.owner = a.owner OR n.lessee = a.owner)` +
  ` AND (a.candidate_nodes = '[]' OR n.uuid IN (SELECT value FROM json_each(a.candidate_nodes)))`

/** And with all its traits. */
export const SUITABLE = `${FREE} AND NOT EXISTS (SELECT 1 FROM json_each(a.traits) wanted WHERE wanted.value NOT IN (SELECT trait FROM node_traits WHERE node = n.uuid))`

/** In which order nodes are tried: one whose name is the allocation's first (1.79), then at random. */
export const ORDER = 'n.name IS a.name DESC, random()'
