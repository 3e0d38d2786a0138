ALTER TABLE `conductors` ADD `lock` text;--> statement-breakpoint
ALTER TABLE `conductors` ADD `held_ms` integer;--> statement-breakpoint
ALTER TABLE `conductors` ADD `replaced` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `conductors` ADD `upgrades` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `nodes` ADD `promised_ms` integer;--> statement-breakpoint
ALTER TABLE `nodes` ADD `withheld` text;