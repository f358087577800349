import type { Container } from './container'

/** The attributes that Docker's events of a container carry: its labels, image and name, and what the event adds. */
export function attributesOf(container: Container, more: Record<string, string> = {}): Record<string, string> {
  const { Labels: labels, Image: image } = container.settings.config
  return { ...labels, image, name: container.name, ...more }
}
