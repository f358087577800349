/** The window's pages in the order of the sidebar: the first of `pageGroups` at its top, the second at its foot. */
export const pageGroups = [
  [
    { path: '/containers', label: 'Containers' },
    { path: '/images', label: 'Images' },
    { path: '/builds', label: 'Builds' },
    { path: '/volumes', label: 'Volumes' },
    { path: '/networks', label: 'Networks' },
    { path: '/registry', label: 'Registry' },
    { path: '/machine', label: 'Machine' },
  ],
  [
    { path: '/settings', label: 'Settings' },
    { path: '/help', label: 'Help' },
  ],
] as const

export type PagePath = (typeof pageGroups)[number][number]['path']
