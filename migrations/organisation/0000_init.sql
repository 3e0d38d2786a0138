CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` text NOT NULL,
	`actor` text,
	`action` text NOT NULL,
	`target` text,
	`outcome` text NOT NULL,
	`body` text DEFAULT '{}' NOT NULL,
	`request_id` text
);
--> statement-breakpoint
CREATE TABLE `conductors` (
	`id` text PRIMARY KEY NOT NULL,
	`site` text NOT NULL,
	`hostname` text NOT NULL,
	`identity_key` text NOT NULL,
	`box_key` text NOT NULL,
	`labels` text DEFAULT '{}' NOT NULL,
	`weight` integer DEFAULT 1 NOT NULL,
	`version` text,
	`drivers` text DEFAULT '[]' NOT NULL,
	`incarnation` text,
	`session` integer DEFAULT 0 NOT NULL,
	`horizon_ms` integer,
	`revoked_at` text,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `conductors_hostname` ON `conductors` (`site`,`hostname`);--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` text NOT NULL,
	`site` text NOT NULL,
	`node` text,
	`task` text,
	`type` text NOT NULL,
	`body` text DEFAULT '{}' NOT NULL,
	`actor` text,
	`request_id` text
);
--> statement-breakpoint
CREATE INDEX `events_node` ON `events` (`node`,`id`);--> statement-breakpoint
CREATE TABLE `nodes` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text,
	`site` text NOT NULL,
	`driver` text NOT NULL,
	`interfaces` text DEFAULT '{}' NOT NULL,
	`driver_info` text DEFAULT '{}' NOT NULL,
	`secrets` text DEFAULT '{}' NOT NULL,
	`properties` text DEFAULT '{}' NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`instance_info` text DEFAULT '{}' NOT NULL,
	`instance_uuid` text,
	`driver_internal_info` text DEFAULT '{}' NOT NULL,
	`resource_class` text,
	`owner` text,
	`lessee` text,
	`description` text,
	`chassis_uuid` text,
	`network_data` text DEFAULT '{}' NOT NULL,
	`automated_clean` integer,
	`protected` integer DEFAULT false NOT NULL,
	`protected_reason` text,
	`retired` integer DEFAULT false NOT NULL,
	`retired_reason` text,
	`console_enabled` integer DEFAULT false NOT NULL,
	`boot_mode` text,
	`secure_boot` integer,
	`provision_state` text NOT NULL,
	`target_provision_state` text,
	`provision_updated_at` text,
	`power_state` text,
	`target_power_state` text,
	`last_error` text,
	`last_fault` text,
	`maintenance` integer DEFAULT false NOT NULL,
	`maintenance_reason` text,
	`fault` text,
	`deploy_step` text DEFAULT '{}' NOT NULL,
	`clean_step` text DEFAULT '{}' NOT NULL,
	`inspection_started_at` text,
	`inspection_finished_at` text,
	`task` text,
	`reservation` text,
	`conductor` text,
	`moved` integer DEFAULT 0 NOT NULL,
	`spec_version` integer DEFAULT 1 NOT NULL,
	`boot_ip` text,
	`nseq` integer DEFAULT 0 NOT NULL,
	`stale_since` text,
	`version` integer DEFAULT 1 NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_uuid_unique` ON `nodes` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_name_unique` ON `nodes` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_instance_uuid_unique` ON `nodes` (`instance_uuid`);--> statement-breakpoint
CREATE INDEX `nodes_site` ON `nodes` (`site`);--> statement-breakpoint
CREATE INDEX `nodes_conductor` ON `nodes` (`conductor`);--> statement-breakpoint
CREATE INDEX `nodes_provision_state` ON `nodes` (`provision_state`);--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_boot_ip` ON `nodes` (`site`,`boot_ip`);--> statement-breakpoint
CREATE TABLE `notes` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`node` text NOT NULL,
	`task` text,
	`at` text NOT NULL,
	`stage` text NOT NULL,
	`body` text DEFAULT '{}' NOT NULL
);
--> statement-breakpoint
CREATE INDEX `notes_node` ON `notes` (`node`,`id`);--> statement-breakpoint
CREATE TABLE `ports` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`uuid` text NOT NULL,
	`name` text,
	`node` text NOT NULL,
	`site` text NOT NULL,
	`address` text NOT NULL,
	`pxe_enabled` integer DEFAULT true NOT NULL,
	`extra` text DEFAULT '{}' NOT NULL,
	`internal_info` text DEFAULT '{}' NOT NULL,
	`local_link_connection` text DEFAULT '{}' NOT NULL,
	`physical_network` text,
	`is_smartnic` integer DEFAULT false NOT NULL,
	`description` text,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ports_uuid_unique` ON `ports` (`uuid`);--> statement-breakpoint
CREATE UNIQUE INDEX `ports_name_unique` ON `ports` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `ports_address_unique` ON `ports` (`address`);--> statement-breakpoint
CREATE INDEX `ports_node` ON `ports` (`node`);--> statement-breakpoint
CREATE TABLE `sites` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`public_key` text,
	`ca` text,
	`pool` text,
	`lease_ms` integer DEFAULT 15000 NOT NULL,
	`counter` integer DEFAULT 0 NOT NULL,
	`hub_no` integer DEFAULT 0 NOT NULL,
	`ring_version` integer DEFAULT 0 NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sites_name_unique` ON `sites` (`name`);--> statement-breakpoint
CREATE TABLE `tasks` (
	`id` text PRIMARY KEY NOT NULL,
	`site` text NOT NULL,
	`node` text NOT NULL,
	`nseq` integer NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`conductor` text,
	`steps` text NOT NULL,
	`context` text DEFAULT '{}' NOT NULL,
	`done_steps` integer DEFAULT 0 NOT NULL,
	`last_event` integer DEFAULT 0 NOT NULL,
	`intent` text,
	`cancel` integer DEFAULT false NOT NULL,
	`fault` text,
	`tenure_ms` integer,
	`deadline_ms` integer NOT NULL,
	`request_id` text,
	`actor` text,
	`created_at` text NOT NULL,
	`started_at` text,
	`finished_at` text
);
--> statement-breakpoint
CREATE INDEX `tasks_open` ON `tasks` (`site`,`state`);--> statement-breakpoint
CREATE INDEX `tasks_node` ON `tasks` (`node`,`nseq`);