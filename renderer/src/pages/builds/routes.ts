import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  { path: '/builds', component: () => import('./BuildsPage.vue') },
  { path: '/builds/:id/:tab?', component: () => import('./BuildPage.vue'), props: true },
]
