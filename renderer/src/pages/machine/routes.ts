import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  { path: '/machine', component: () => import('./MachinePage.vue') },
  { path: '/machine/:tab', component: () => import('./MachinePage.vue'), props: true },
]
