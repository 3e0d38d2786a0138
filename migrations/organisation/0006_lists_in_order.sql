DROP INDEX `nodes_resource_class`;--> statement-breakpoint
DROP INDEX `nodes_owner`;--> statement-breakpoint
DROP INDEX `nodes_maintenance`;--> statement-breakpoint
CREATE INDEX `nodes_power_state` ON `nodes` (`power_state`);--> statement-breakpoint
CREATE INDEX `nodes_updated_at` ON `nodes` (`updated_at`);--> statement-breakpoint
CREATE INDEX `nodes_resource_class` ON `nodes` (`resource_class`);--> statement-breakpoint
CREATE INDEX `nodes_owner` ON `nodes` (`owner`);--> statement-breakpoint
CREATE INDEX `nodes_maintenance` ON `nodes` (`maintenance`);