import * as z from 'zod';
export declare const writeImageArgs: z.ZodObject<{
    image_info: z.ZodObject<{
        id: z.ZodString;
        urls: z.ZodArray<z.ZodString>;
        checksum: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        os_hash_algo: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        os_hash_value: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        disk_format: z.ZodString;
        container_format: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        image_type: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        stream_raw_images: z.ZodOptional<z.ZodNullable<z.ZodBoolean>>;
        node_uuid: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        image_request_authorization: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        image_server_auth_strategy: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        image_server_user: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        image_server_password: z.ZodOptional<z.ZodNullable<z.ZodString>>;
        proxies: z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodString>>>;
    }, z.core.$loose>;
    configdrive: z.ZodOptional<z.ZodNullable<z.ZodString>>;
}, z.core.$strip>;
export declare const writeImageStep: import("../command.ts").Step;
