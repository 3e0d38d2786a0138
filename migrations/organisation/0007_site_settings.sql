ALTER TABLE `sites` ADD `automated_clean` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `sites` ADD `callback_timeouts_s` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `sites` ADD `boot_retry_s` integer;--> statement-breakpoint
ALTER TABLE `sites` ADD `poweroff_in_cleanfail` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `sites` ADD `power_off_after_deploy_failure` integer DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE `sites` ADD `max_concurrent_deploy` integer DEFAULT 250 NOT NULL;--> statement-breakpoint
ALTER TABLE `sites` ADD `max_concurrent_clean` integer DEFAULT 50 NOT NULL;