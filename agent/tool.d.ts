export interface ToolResult {
    code: number;
    stdout: string;
    stderr: string;
}
/** Runs a program without a shell; output is cut at `maxBytes` each, the process is killed after `timeoutMs`. */
export declare function runTool(file: string, args: string[], { timeoutMs, maxBytes, cwd, env, }?: {
    timeoutMs?: number;
    maxBytes?: number;
    cwd?: string;
    env?: NodeJS.ProcessEnv;
}): Promise<ToolResult>;
