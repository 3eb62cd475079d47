// The codec packages bring no types: what we use of them.

/** A decoder object of the Emscripten builds. */
interface WasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  /** A view of the WASM memory: good until the next call. */
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): {
    readonly width: number;
    readonly height: number;
    readonly bitsPerSample: number;
    readonly componentCount: number;
    readonly isSigned?: boolean;
    readonly isUsingColorTransform?: boolean;
  };
}

interface Htj2kDecoder extends WasmDecoder {
  /** As `decode`, halved so many times. */
  decodeSubResolution(level: number): void;
  calculateSizeAtDecompositionLevel(level: number): { readonly width: number; readonly height: number };
}

interface JpegLsDecoder extends WasmDecoder {
  /** 0: by plane; 1: by line; 2: by sample. */
  getInterleaveMode(): number;
}

interface EmscriptenOptions {
  locateFile(): string;
  print(): void;
  printErr(): void;
}

declare module "@cornerstonejs/codec-openjph/wasmjs" {
  export default function make(options: EmscriptenOptions): Promise<{ HTJ2KDecoder: new () => Htj2kDecoder }>;
}
declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  export default function make(options: EmscriptenOptions): Promise<{ J2KDecoder: new () => WasmDecoder }>;
}
declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  export default function make(options: EmscriptenOptions): Promise<{ JpegLSDecoder: new () => JpegLsDecoder }>;
}
