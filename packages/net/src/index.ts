export {
  FrameAssembler,
  type FrameAssemblerOptions,
  FrameSizeError,
  MAX_FRAME_BYTES_DEFAULT,
  SMALL_FRAME_BYTES,
  TRUSTED_BYTES_MAX,
} from './frame-assembler.ts'
