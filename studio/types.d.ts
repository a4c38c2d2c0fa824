declare module "../vendor/ort.mjs";
