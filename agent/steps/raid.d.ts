export declare const createConfigurationStep: import("../command.ts").Step;
export declare const deleteConfigurationStep: import("../command.ts").Step;
export declare const applyConfigurationStep: import("../command.ts").Step;
