/** Whether a window can be shown: always on macOS and Windows, on Linux where X or Wayland is there. */
export function hasDisplay() {
  return process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)
}
