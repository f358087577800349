import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  { path: '/networks', component: () => import('./NetworksPage.vue') },
  { path: '/networks/:id', component: () => import('./NetworkPage.vue'), props: true },
]
