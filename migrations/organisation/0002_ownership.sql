ALTER TABLE `conductors` ADD `draining` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `bmc_session` text;--> statement-breakpoint
ALTER TABLE `sites` ADD `tenure_ms` integer;--> statement-breakpoint
ALTER TABLE `sites` ADD `offline_since` text;