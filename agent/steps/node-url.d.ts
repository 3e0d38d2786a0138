import type { CommandContext } from '../command.ts';
/** Throws for a field that the node does not have. */
export declare function filledIn(url: string, { node, ports }: Pick<CommandContext, 'node' | 'ports'>): string;
