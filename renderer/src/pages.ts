import { Box, CircleQuestionMark, Container, Cpu, Database, Hammer, Layers, Network, Settings } from '@lucide/vue'
import type { Component } from 'vue'
import { pageGroups, type PagePath } from '../../shared/pages'
import { router } from './router'

export interface PageEntry {
  path: PagePath
  label: string
  icon: Component
}

const icons: Record<PagePath, Component> = {
  '/containers': Box,
  '/images': Layers,
  '/builds': Hammer,
  '/volumes': Database,
  '/networks': Network,
  '/registry': Container,
  '/machine': Cpu,
  '/settings': Settings,
  '/help': CircleQuestionMark,
}

/** The pages that there are, in groups as the sidebar shows them. */
export const pages: PageEntry[][] = pageGroups.map((group) =>
  group
    .filter(({ path }) => router.getRoutes().some((route) => route.path === path))
    .map((page) => ({ ...page, icon: icons[page.path] })),
)
