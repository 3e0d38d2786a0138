ALTER TABLE `sites` ADD `fast_track` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_driver` ON `nodes` (`driver`);--> statement-breakpoint
CREATE INDEX `nodes_resource_class` ON `nodes` (`resource_class`) WHERE resource_class IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_owner` ON `nodes` (`owner`) WHERE owner IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_lessee` ON `nodes` (`lessee`) WHERE lessee IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_chassis_uuid` ON `nodes` (`chassis_uuid`) WHERE chassis_uuid IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_parent_node` ON `nodes` (`parent_node`) WHERE parent_node IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_instance_name` ON `nodes` (`instance_name`) WHERE instance_name IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_fault` ON `nodes` (`fault`) WHERE fault IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_shard` ON `nodes` (lower("shard")) WHERE shard IS NOT NULL;--> statement-breakpoint
CREATE INDEX `nodes_maintenance` ON `nodes` (`maintenance`) WHERE maintenance = 1;--> statement-breakpoint
CREATE INDEX `nodes_retired` ON `nodes` (`retired`) WHERE retired = 1;