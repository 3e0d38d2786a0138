import * as z from 'zod';
import type { CommandContext } from '../command.ts';
import type { IscsiTarget } from './iscsi-target.ts';
/** RFC 7143 §4.2.7.4, as narrow as we need it: it goes into command lines and comma lists. */
export declare const iqnSchema: z.ZodString;
export declare function targetOf({ machine }: CommandContext): IscsiTarget;
/** Throws unless `iqn` was the last export and has ended: only then does nobody write while the disk is looked at. */
export declare function requireEnded(context: CommandContext, iqn: string): void;
