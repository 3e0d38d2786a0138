export declare const eraseDevicesStep: import("../command.ts").Step;
export declare const eraseDevicesExpressStep: import("../command.ts").Step;
