export declare const erasePstoreStep: import("../command.ts").Step;
