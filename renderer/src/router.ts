import { createRouter, createWebHashHistory } from 'vue-router'
import ContainersPage from './pages/containers/ContainersPage.vue'

// The first page is what the window opens with; the terminal and the charts of others need not be read before it.
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', redirect: '/containers' },
    { path: '/containers', component: ContainersPage },
    {
      path: '/containers/:id/:tab(logs|terminal|inspect)?',
      component: () => import('./pages/containers/ContainerPage.vue'),
      props: true,
    },
    { path: '/images', component: () => import('./pages/images/ImagesPage.vue') },
    { path: '/machine', component: () => import('./pages/machine/MachinePage.vue') },
  ],
})
