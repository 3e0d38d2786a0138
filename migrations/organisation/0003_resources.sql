CREATE TABLE `allocations` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text,
	`node` text,
	`state` text NOT NULL,
	`last_error` text,
	`resource_class` text,
	`traits` text DEFAULT '[]' NOT NULL,
	`candidate_nodes` text DEFAULT '[]' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`owner` text,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `allocations_uuid_unique` ON `allocations` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `allocations_name_unique` ON `allocations` (`name`);--> statement-breakpoint
CREATE INDEX `allocations_node` ON `allocations` (`node`);--> statement-breakpoint
CREATE TABLE `bios_settings` (
	`node` text NOT NULL,
	`name` text NOT NULL,
	`value` text,
	`facts` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text,
	PRIMARY KEY(`node`, `name`)
);
--> statement-breakpoint
CREATE TABLE `chassis` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`description` text,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `chassis_uuid_unique` ON `chassis` (`uuid`);--> statement-breakpoint
CREATE TABLE `deploy_templates` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text NOT NULL,
	`steps` text DEFAULT '[]' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deploy_templates_uuid_unique` ON `deploy_templates` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `deploy_templates_name_unique` ON `deploy_templates` (`name`);--> statement-breakpoint
CREATE TABLE `firmware_components` (
	`node` text NOT NULL,
	`component` text NOT NULL,
	`initial_version` text NOT NULL,
	`current_version` text,
	`last_version_flashed` text,
	`vendor` text,
	`model` text,
	`serial_number` text,
	`created_at` text NOT NULL,
	`updated_at` text,
	PRIMARY KEY(`node`, `component`)
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`principal` text NOT NULL,
	`key` text NOT NULL,
	`route` text NOT NULL,
	`body_hash` text NOT NULL,
	`status` integer,
	`headers` text,
	`body` text,
	`at_ms` integer NOT NULL,
	PRIMARY KEY(`principal`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_at` ON `idempotency_keys` (`at_ms`);--> statement-breakpoint
CREATE TABLE `inspection_rules` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`description` text,
	`priority` integer DEFAULT 0 NOT NULL,
	`phase` text DEFAULT 'main' NOT NULL,
	`sensitive` integer DEFAULT false NOT NULL,
	`conditions` text DEFAULT '[]' NOT NULL,
	`actions` text DEFAULT '[]' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `inspection_rules_uuid_unique` ON `inspection_rules` (`uuid`);--> statement-breakpoint
CREATE TABLE `inventories` (
	`node` text PRIMARY KEY NOT NULL,
	`inventory_blob` text NOT NULL,
	`plugin_data_blob` text,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE TABLE `node_traits` (
	`node` text NOT NULL,
	`trait` text NOT NULL,
	PRIMARY KEY(`node`, `trait`)
);
--> statement-breakpoint
CREATE INDEX `node_traits_trait` ON `node_traits` (`trait`);--> statement-breakpoint
CREATE TABLE `portgroups` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text,
	`node` text NOT NULL,
	`site` text NOT NULL,
	`address` text,
	`mode` text DEFAULT 'active-backup' NOT NULL,
	`properties` text DEFAULT '{}' NOT NULL,
	`standalone_ports_supported` integer DEFAULT true NOT NULL,
	`physical_network` text,
	`category` text,
	`dynamic_portgroup` integer DEFAULT false NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`internal_info` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `portgroups_uuid_unique` ON `portgroups` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `portgroups_name_unique` ON `portgroups` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `portgroups_address_unique` ON `portgroups` (`address`);--> statement-breakpoint
CREATE INDEX `portgroups_node` ON `portgroups` (`node`);--> statement-breakpoint
CREATE TABLE `runbooks` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text NOT NULL,
	`steps` text DEFAULT '[]' NOT NULL,
	`disable_ramdisk` integer DEFAULT false NOT NULL,
	`public` integer DEFAULT false NOT NULL,
	`owner` text,
	`description` text,
	`traits` text DEFAULT '[]' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `runbooks_uuid_unique` ON `runbooks` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `runbooks_name_unique` ON `runbooks` (`name`);--> statement-breakpoint
CREATE TABLE `volume_connectors` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`node` text NOT NULL,
	`site` text NOT NULL,
	`type` text NOT NULL,
	`connector_id` text NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_connectors_uuid_unique` ON `volume_connectors` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `volume_connectors_identity` ON `volume_connectors` (`type`,`connector_id`);--> statement-breakpoint
CREATE INDEX `volume_connectors_node` ON `volume_connectors` (`node`);--> statement-breakpoint
CREATE TABLE `volume_targets` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`node` text NOT NULL,
	`site` text NOT NULL,
	`volume_type` text NOT NULL,
	`volume_id` text NOT NULL,
	`boot_index` integer NOT NULL,
	`properties` text DEFAULT '{}' NOT NULL,
	`secrets` text DEFAULT '{}' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `volume_targets_uuid_unique` ON `volume_targets` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `volume_targets_boot_index` ON `volume_targets` (`node`,`boot_index`);--> statement-breakpoint
ALTER TABLE `nodes` ADD `service_step` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `raid_config` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `target_raid_config` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `shard` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `parent_node` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `disable_power_off` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `instance_name` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `health` text;--> statement-breakpoint
ALTER TABLE `nodes` ADD `allocation` text;--> statement-breakpoint
ALTER TABLE `ports` ADD `portgroup` text;--> statement-breakpoint
ALTER TABLE `ports` ADD `vendor` text;--> statement-breakpoint
ALTER TABLE `ports` ADD `category` text;--> statement-breakpoint
ALTER TABLE `ports` ADD `available_for_dynamic_portgroup` integer DEFAULT false NOT NULL;